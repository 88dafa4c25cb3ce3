package ocpitest

import (
	"reflect"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// An Object is an object that one party owns and others get: every kind that a Sender or Receiver can hold.
type Object interface {
	v230.Location | v230.Session | v230.CDR | v230.Tariff | v230.Token | v230.ClientInfo
}

// keyOf is an object's identity.
func keyOf[T Object](object *T) ocpi.Key {
	switch o := any(object).(type) {
	case *v230.Location:
		return newKey(o.CountryCode, o.PartyID, o.ID, "")
	case *v230.Session:
		return newKey(o.CountryCode, o.PartyID, o.ID, "")
	case *v230.CDR:
		return newKey(o.CountryCode, o.PartyID, o.ID, "")
	case *v230.Tariff:
		return newKey(o.CountryCode, o.PartyID, o.ID, "")
	case *v230.Token:
		return newKey(o.CountryCode, o.PartyID, o.UID, o.Type)
	case *v230.ClientInfo:
		return newKey(o.CountryCode, o.PartyID, ocpi.CiString(o.Role), "")
	default:
		panic("ocpitest: unreachable: Object lists its types")
	}
}

func newKey(countryCode, partyID, id ocpi.CiString, tokenType v230.TokenType) ocpi.Key {
	return ocpi.Key{Party: ocpi.NewParty(string(countryCode), string(partyID)), ID: string(id), TokenType: string(tokenType)}
}

func lastUpdated[T Object](object *T) ocpi.DateTime {
	switch o := any(object).(type) {
	case *v230.Location:
		return o.LastUpdated
	case *v230.Session:
		return o.LastUpdated
	case *v230.CDR:
		return o.LastUpdated
	case *v230.Tariff:
		return o.LastUpdated
	case *v230.Token:
		return o.LastUpdated
	case *v230.ClientInfo:
		return o.LastUpdated
	default:
		panic("ocpitest: unreachable: Object lists its types")
	}
}

// clone copies an object with all it points to, so that the copy and the original share nothing that can be written.
func clone[T any](object T) T {
	v := reflect.ValueOf(&object).Elem()
	detach(v)
	return object
}

// detach replaces every pointer, list and map in v, which is a copy already, by a copy of its own. Unexported fields
// stay as they are: DateTime and Number have them, and are values that never change.
func detach(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(v.Elem())
			detach(p.Elem())
			v.Set(p)
		}
	case reflect.Slice:
		if !v.IsNil() {
			s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(s, v)
			for i := range s.Len() {
				detach(s.Index(i))
			}
			v.Set(s)
		}
	case reflect.Map:
		if !v.IsNil() {
			m := reflect.MakeMapWithSize(v.Type(), v.Len())
			for key, value := range v.Seq2() {
				element := reflect.New(value.Type()).Elem()
				element.Set(value)
				detach(element)
				m.SetMapIndex(key, element)
			}
			v.Set(m)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				detach(v.Field(i))
			}
		}
	default: // texts, numbers and booleans are copied with what holds them
	}
}
