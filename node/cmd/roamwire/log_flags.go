package main

import "fmt"

// Validate implements kong.Validatable. Where 0 would be taken for the default, it is refused: nobody means that by it.
func (e exchangeFlags) Validate() error {
	switch {
	case e.ExchangeBodySize < 0:
		return fmt.Errorf("exchange-body-size cannot be negative; 0 records no bodies")
	case e.ExchangeBodyAge <= 0:
		return fmt.Errorf("exchange-body-age must be more than 0; without bodies, exchange-body-size is 0")
	case e.ExchangeAge <= 0:
		return fmt.Errorf("exchange-age must be more than 0; to record nothing, use --no-exchange-log")
	case e.ExchangeMaxSize <= 0:
		return fmt.Errorf("exchange-max-size must be more than 0; to record nothing, use --no-exchange-log")
	}
	return nil
}
